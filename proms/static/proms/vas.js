// Turns the number field of a visual analogue scale into a line. Without this script the field
// stays and works. Nothing is marked on the line before the patient has touched it.

function live(scale) {
  const input = scale.querySelector("input");
  const minimum = Number(scale.dataset.minimum);
  const maximum = Number(scale.dataset.maximum);
  const label = scale.querySelector("[id^='label-']");
  const ends = scale.querySelector(".vas-ends");

  const line = document.createElement("div");
  line.className = "vas-line";
  line.tabIndex = 0;
  line.setAttribute("role", "slider");
  line.setAttribute("aria-labelledby", label.id);
  line.setAttribute("aria-describedby", ends.id);
  line.setAttribute("aria-valuemin", minimum);
  line.setAttribute("aria-valuemax", maximum);
  const handle = document.createElement("span");
  handle.className = "vas-handle";
  handle.hidden = true;
  line.append(handle);

  const steps = document.createElement("div");
  steps.className = "vas-steps";
  const value = document.createElement("output");
  value.className = "vas-value";
  value.htmlFor = input.id;
  steps.append(button("−", scale.dataset.less, -1), value, button("+", scale.dataset.more, 1));

  function button(sign, name, step) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "btn btn-secondary";
    made.textContent = sign;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", () => set(start() + step));
    return made;
  }

  function current() {
    const text = input.value.trim();
    const number = Number(text);
    const known = text !== "" && Number.isInteger(number);
    return known && number >= minimum && number <= maximum ? number : null;
  }

  // Plus and minus begin in the middle, where no answer is suggested by the end one starts from.
  function start() {
    const now = current();
    return now === null ? Math.round((minimum + maximum) / 2) : now;
  }

  function set(wanted) {
    input.value = String(Math.min(maximum, Math.max(minimum, Math.round(wanted))));
    show();
  }

  function show() {
    const now = current();
    handle.hidden = now === null;
    value.textContent = now === null ? "–" : String(now);
    if (now === null) {
      // A slider must name a value; the text says that there is none.
      line.setAttribute("aria-valuenow", minimum);
      line.setAttribute("aria-valuetext", scale.dataset.unanswered);
      return;
    }
    handle.style.left = `${(100 * (now - minimum)) / (maximum - minimum)}%`;
    line.setAttribute("aria-valuenow", now);
    line.setAttribute("aria-valuetext", String(now));
  }

  function at(event) {
    const box = line.getBoundingClientRect();
    set(minimum + ((event.clientX - box.left) / box.width) * (maximum - minimum));
  }

  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
    at(event);
  });
  line.addEventListener("pointermove", (event) => {
    if (line.hasPointerCapture(event.pointerId)) at(event);
  });
  line.addEventListener("keydown", (event) => {
    const keys = {
      ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10,
    };
    if (event.key in keys) set(start() + keys[event.key]);
    else if (event.key === "Home") set(minimum);
    else if (event.key === "End") set(maximum);
    else return;
    event.preventDefault();
  });

  ends.before(line);
  ends.after(steps);
  input.tabIndex = -1;
  input.parentElement.setAttribute("aria-hidden", "true"); // the line says it all
  scale.querySelector("[data-with-script]").hidden = false;
  scale.classList.add("is-live");
  show();
}

for (const scale of document.querySelectorAll("[data-vas]")) live(scale);
