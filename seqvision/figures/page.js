// point at a word (or tap it, or reach it with the keyboard): the picture shows where the model looked
for (const card of document.querySelectorAll(".card")) {
  const lit = card.querySelector(".view");
  if (!lit) continue;
  for (const word of card.querySelectorAll(".caption span")) {
    const look = () => { lit.style.setProperty("--heat", getComputedStyle(word).getPropertyValue("--heat")); card.classList.add("looking"); };
    const leave = () => card.classList.remove("looking");
    word.tabIndex = 0;
    word.addEventListener("pointerenter", look);
    word.addEventListener("focus", look);
    word.addEventListener("pointerleave", leave);
    word.addEventListener("blur", leave);
  }
}
