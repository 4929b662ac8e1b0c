// Entering a form by keyboard: Enter goes on and never sends, what was typed is shown in words.
// Everything works without it: fields are plain inputs, and the form has its button.

// A code that was not found is replaced by the next one that is typed or scanned.
document.querySelector("#code")?.select();

const form = document.querySelector("[data-entry]") ?? document.createElement("form");
const fields = [...form.querySelectorAll("[data-field]")];
const save = form.querySelector("[data-save]");
const count = form.querySelector("[data-count]");
form.classList.add("has-script");

const optionsOf = (field) => {
  for (const id of (field.getAttribute("aria-describedby") ?? "").split(" ")) {
    const found = document.getElementById(id);
    if (found?.matches("ol.entry-options")) return found;
  }
  return null;
};
const isAsked = (field) => !field.closest(".is-not-asked");

const show = (field) => {
  const options = optionsOf(field);
  // Rows that share their options show the one of the row that has the focus.
  if (options && (options.parentElement.contains(field) || document.activeElement === field)) {
    [...options.children].forEach((option, place) => {
      option.classList.toggle("is-chosen", field.value.trim() === String(place + 1));
    });
  }
};

// A question for some only is passed over when the earlier answer does not ask for it.
const askWhatFollows = () => {
  for (const question of form.querySelectorAll("[data-when]")) {
    const earlier = document.getElementById(question.dataset.when)?.value.trim() ?? "";
    const asked = earlier === "" || question.dataset.values.split(" ").includes(earlier);
    question.classList.toggle("is-not-asked", !asked);
  }
};

const tell = () => {
  if (!count) return;
  const answers = fields.filter((field) => field.type !== "date" && isAsked(field));
  const done = answers.filter((field) => field.value.trim() !== "").length;
  count.textContent = count.dataset.text.replace("{done}", done).replace("{all}", answers.length);
};

const go = (from, step) => {
  let place = fields.indexOf(from) + step;
  while (fields[place] && !isAsked(fields[place])) place += step;
  const to = fields[place] ?? (step > 0 ? save : null);
  to?.focus();
};

form.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!field.matches("[data-field]")) return;
  if (event.key === "Enter") {
    event.preventDefault();
    go(field, event.shiftKey ? -1 : 1);
  } else if (field.type !== "date" && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    go(field, event.key === "ArrowDown" ? 1 : -1);
  }
});
form.addEventListener("focusin", (event) => {
  if (!event.target.matches("input[data-field]")) return;
  if (event.target.type !== "date") event.target.select();
  show(event.target);
});
form.addEventListener("input", (event) => {
  if (!event.target.matches("[data-field]")) return;
  show(event.target);
  askWhatFollows();
  tell();
});

// On the telephone an answer may be pressed instead of typed.
form.addEventListener("click", (event) => {
  const option = event.target.closest(".entry-row .entry-options li");
  const field = option?.closest(".entry-row").querySelector("[data-field]");
  if (!field) return;
  field.value = String([...option.parentElement.children].indexOf(option) + 1);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

fields.forEach(show);
askWhatFollows();
tell();
// The first field that is empty or wrong, unless a summary of errors has the focus.
if (fields.length && !document.querySelector("[data-error-summary]")) {
  (fields.find((field) => field.value === "") ?? fields[0]).focus();
}
