// Keys of the telephone worklist: up and down go from patient to patient, a figure says how the
// call ended. Everything works without it.

const calls = [...document.querySelectorAll("[data-call]")];
for (const call of calls) call.tabIndex = -1;

const here = () => document.activeElement?.closest("[data-call]") ?? null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || calls.length === 0) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const call = here();
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (call === null && event.target !== document.body) return;
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = call === null ? calls[0] : calls[calls.indexOf(call) + step];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  } else if (call !== null && /^[1-6]$/.test(event.key)) {
    const control = call.querySelector(`[data-key="${event.key}"]`);
    if (control === null) return;
    event.preventDefault();
    control.click();
    if (control.tagName === "SUMMARY") control.parentElement.querySelector("input").focus();
  }
});

// A button pressed twice sends once.
for (const form of document.querySelectorAll(".call-outcome")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
