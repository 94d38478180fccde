// New changes appear by themselves at their place in the list; the page is whole without this.
const list = document.querySelector("ol[data-live]");
const status = document.getElementById("live");

function place(row) {
  const time = BigInt(row.dataset.time);
  for (const other of list.children) {
    if (BigInt(other.dataset.time) <= time) return list.insertBefore(row, other);
  }
  return list.append(row);
}

function show({ change, row }) {
  const holder = document.createElement("template");
  holder.innerHTML = row.trim();
  document.getElementById("none")?.remove();
  document.getElementById(`change-${change}`)?.remove();
  const added = holder.content.firstElementChild;
  added.classList.add("fresh");
  place(added);
}

function say(text) {
  status.hidden = false;
  if (status.textContent !== text) status.textContent = text;
}

const source = new EventSource(list.dataset.live);
let lost;
source.addEventListener("open", () => {
  clearTimeout(lost);
  lost = undefined;
  say("Live: new changes appear by themselves.");
});
source.addEventListener("error", () => {  // the server ends each stream after a while, which is no loss
  lost ??= setTimeout(() => say("Not live: the connection is lost; trying again."), 8000);
});
source.addEventListener("change", (event) => show(JSON.parse(event.data)));
