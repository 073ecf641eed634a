// Fills an empty time zone field with the browser's zone.
export function fillTimeZone() {
  const input = document.querySelector("form[data-browser-zone] input[name=time_zone]");
  if (input && !input.value) input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
