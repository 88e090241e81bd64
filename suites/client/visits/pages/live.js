// Keeps the page of a situation up to date. Without it the link "Show what has
// come in since" does the same. Nothing that was received is read as markup.
"use strict";
(() => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it and copy by hand";
      }
    });
  }

  const live = document.getElementById("live");
  if (!live || live.dataset.open !== "true") return;
  let version = live.dataset.version;

  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  };
  const mark = (id, state, word) => {
    const at = document.getElementById(id);
    if (!at || (at.textContent === word && at.className === "verdict " + state)) return;
    at.className = "verdict " + state;
    at.textContent = word;
  };
  const show = (now) => {
    version = now.version;
    mark("word", now.mark, now.word);
    document.getElementById("note").textContent = now.note;
    document.getElementById("nothing").hidden = (now.lines || []).length > 0;
    document.getElementById("sent").replaceChildren(...(now.lines || []).map((line) => {
      const item = document.createElement("li");
      item.append(element("span", line.time + " · " + line.party + " · " + line.status), element("code", line.what));
      return item;
    }));
    for (const check of now.checks || []) {
      mark(check.id, check.mark, check.word);
      const said = document.getElementById(check.id + "-said");
      if (said && said.textContent !== check.said) said.textContent = check.said;
    }
  };

  const trouble = document.getElementById("trouble");
  const look = async () => {
    let wait = document.hidden ? 5000 : 1000;
    try {
      const answer = await fetch(live.dataset.source + "?version=" + encodeURIComponent(version), { headers: { Accept: "application/json" } });
      trouble.hidden = true;
      if (answer.status === 404) return location.reload();
      if (answer.status === 200) {
        const now = await answer.json();
        if (!now.open) return location.reload();
        show(now);
      }
    } catch {
      trouble.hidden = false;
      wait = 5000;
    }
    setTimeout(look, wait);
  };
  setTimeout(look, 500);
})();
