// A row of chips that goes on sideways begins where its chosen one can be seen.
export function showChosenChips() {
  for (const row of document.querySelectorAll(".choices")) {
    const chosen = row.querySelector(".chip:is([aria-current], :has(:checked))");
    if (chosen) row.scrollLeft = chosen.offsetLeft - (row.clientWidth - chosen.offsetWidth) / 2;
  }
}
