"""What is measured: one module for each budget, or for budgets that share their preparation."""
