// Conveniences of the operation form. Everything works without it: the buttons load the page anew.

const form = document.getElementById("operation-form");
const body = document.getElementById("operation-body");
// Around the fields that decide which fields follow.
const DECIDING = '[hx-trigger~="consume"]';

function controls() {
  return [...form.querySelectorAll("input, select, textarea, button")].filter(
    (one) => !one.disabled && one.type !== "hidden" && one.offsetParent !== null,
  );
}

function showButtonsForNoScript(shown) {
  for (const button of form.querySelectorAll("[data-without-script]")) button.hidden = !shown;
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

// --- Which fields are shown -----------------------------------------------------------------
// A change is answered by the server, and meanwhile anything may happen: something is chosen
// before the scripts are there, while an answer is on its way, or in the moment in which the new
// fields are not yet wired. So no single change is relied on: whenever there is an answer, what
// is chosen is compared with what the shown fields were made for, and asked anew if it differs.

let madeFor = new Map(); // what was chosen when the shown fields were asked for
let sent = new Map(); // what was typed when the request under way was sent
let pressed = null; // the button for one more row, until its request is sent

// Each field's values as typed, or as the server rendered them.
function typed(scope, rendered = false) {
  const held = new Map();
  for (const field of scope) {
    if (field.type === "hidden" || field.tagName === "BUTTON") continue;
    if (!held.has(field.name)) held.set(field.name, []);
    const values = held.get(field.name);
    if (field.type === "radio" || field.type === "checkbox") {
      if (rendered ? field.defaultChecked : field.checked) values.push(field.value);
    } else if (rendered && field.tagName === "SELECT") {
      const options = [...field.options];
      values.push((options.find((one) => one.defaultSelected) ?? options[0])?.value ?? "");
    } else {
      values.push(rendered ? field.defaultValue : field.value);
    }
  }
  return held;
}

function same(one, other) {
  return JSON.stringify([...one]) === JSON.stringify([...other]);
}

function chosen(rendered = false) {
  return typed(form.querySelectorAll(`${DECIDING} [name]`), rendered);
}

function change(field) {
  field?.dispatchEvent(new Event("change", { bubbles: true }));
}

// Ask for the fields again, or for the row, if the shown ones are not those for what is chosen.
function catchUp() {
  // Somebody is typing there: the change comes when they leave it.
  if (document.activeElement?.matches(`${DECIDING} input[type="text"]`)) return;
  const button = pressed && form.querySelector(`button[value="${pressed}"]`);
  if (button) button.click();
  else if (!same(chosen(), madeFor)) change(form.querySelector(`${DECIDING} [name]`));
}

form.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest('button[value^="rows-"]');
    if (button) pressed = button.value;
  },
  { capture: true }, // before htmx sends the request
);

document.body.addEventListener("htmx:configRequest", (event) => {
  if (!form.contains(event.detail.elt)) return;
  sent = typed(form.elements);
  const asked = event.detail.parameters.get("do") ?? "";
  if (asked === "fields" || asked.startsWith("rows-")) madeFor = chosen();
  if (asked === pressed) pressed = null;
});

// What was typed while the fields were on their way is put back into the new ones.
let newer = new Map();
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== body) return;
  newer = new Map(
    [...typed(form.elements)].filter(
      ([name, values]) => JSON.stringify(values) !== JSON.stringify(sent.get(name)),
    ),
  );
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== body) return;
  madeFor = chosen(true);
  for (const field of body.querySelectorAll("[name]")) {
    const values = newer.get(field.name);
    if (values === undefined || field.type === "hidden" || field.tagName === "BUTTON") continue;
    if (field.type === "radio" || field.type === "checkbox") {
      field.checked = values.includes(field.value);
    } else if (field.tagName !== "SELECT" || [...field.options].some((one) => one.value === values[0])) {
      field.value = values[0];
    }
  }
  newer = new Map();
  showButtonsForNoScript(false);
});

document.body.addEventListener("htmx:afterSettle", catchUp);

// Without an answer nothing is saved, which is said; the buttons, which load the page anew, are the
// way on.
const notSaved = document.getElementById("not-saved");
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(failure, () => {
    showButtonsForNoScript(true);
    notSaved.hidden = false;
  });
}
document.body.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) notSaved.hidden = true;
});

// Chosen before the scripts were there, or brought back by the browser with the page.
document.body.addEventListener(
  "htmx:load",
  () => {
    showButtonsForNoScript(false);
    const asRendered = typed(form.elements, true);
    madeFor = chosen(true);
    if (!same(chosen(), madeFor)) catchUp();
    else if (!same(typed(form.elements), asRendered)) change(form);
  },
  { once: true },
);
