// Keyboard and small conveniences of the staff pages. Everything works without it.

// "/" goes to the search field, unless something is being typed.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const search = document.getElementById("head-search");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// A select marked so sends its form when something is chosen; without scripts its button does.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-send-on-change]");
  if (form) form.requestSubmit();
});
for (const button of document.querySelectorAll("form[data-send-on-change] [data-without-script]")) {
  button.hidden = true;
}

// The head of a page with errors takes the focus, so that they are read out first.
document.querySelector("[data-error-summary]")?.focus();
