// Conveniences of the operation form. Everything works without it: the buttons load the page anew.

const form = document.getElementById("operation-form");

function controls() {
  return [...form.querySelectorAll("input, select, textarea, button")].filter(
    (one) => !one.disabled && one.type !== "hidden" && one.offsetParent !== null,
  );
}

function hideButtonsForNoScript() {
  for (const button of form.querySelectorAll("[data-without-script]")) button.hidden = true;
}

// Enter goes on to the next field and never submits; on a button it presses the button.
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  const field = event.target;
  if (!field.matches("input, select")) return;
  event.preventDefault();
  const all = controls();
  all[all.indexOf(field) + 1]?.focus();
});

// What is typed while the fields are being renewed is put back afterwards.
let typed = null;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "operation-body") return;
  typed = new FormData(form);
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "operation-body" || typed === null) return;
  let decidesMore = null;
  for (const field of form.querySelectorAll("#operation-body [name]")) {
    if (!typed.has(field.name) || field.type === "hidden") continue;
    if (field.type === "radio" || field.type === "checkbox") {
      const chosen = typed.getAll(field.name).includes(field.value);
      if (field.checked === chosen) continue;
      field.checked = chosen;
    } else {
      if (field.value === typed.get(field.name)) continue;
      field.value = typed.get(field.name);
    }
    if (field.closest('[hx-trigger~="consume"]')) decidesMore = field;
  }
  // Chosen while the answer was on its way: it decides which fields follow, so ask once more.
  decidesMore?.dispatchEvent(new Event("change", { bubbles: true }));
  typed = null;
  hideButtonsForNoScript();
});

hideButtonsForNoScript();
