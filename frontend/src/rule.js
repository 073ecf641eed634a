// The rule form: trying it changes what is shown beside it, and nothing else on the page.
const form = document.querySelector("[data-rule]");
const tried = form.querySelector("[data-tried]");
const TAKEN_OVER = ["threshold", "recovery_threshold"];

async function ask(body) {
  const answer = await fetch(location.href, { method: "POST", body });
  if (!answer.ok || answer.redirected) throw new Error(`answer ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function takeOver(page) {
  tried.replaceChildren(...page.querySelector("[data-tried]").childNodes);
  for (const name of TAKEN_OVER) form.elements[name].value = page.querySelector(`[name=${name}]`).value;
}

form.addEventListener("submit", async (event) => {
  const { submitter } = event;
  if (!submitter?.dataset.try) return;
  event.preventDefault();
  tried.ariaBusy = "true";
  // First of all: a disabled button says nothing, and without its word the form means to save.
  const body = new FormData(form, submitter);
  submitter.disabled = true;
  try {
    const page = await ask(body);
    // What is wrong with the form is shown beside each field: only the whole page has that.
    if (page.querySelector("[data-rule] .errorlist")) form.requestSubmit(again(submitter));
    else takeOver(page);
  } catch {
    form.requestSubmit(again(submitter));
  } finally {
    submitter.disabled = false;
    tried.ariaBusy = "false";
  }
});

// A button that sends the form the plain way.
function again(submitter) {
  const plain = document.createElement("button");
  plain.name = "do";
  plain.value = submitter.value;
  plain.hidden = true;
  plain.formNoValidate = true;
  form.append(plain);
  return plain;
}
