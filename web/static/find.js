// Find: a press of Enter in the field shows the answer without loading the frame again.
import { go, page } from "./shell.js";

page("find", (main) => {
  main.querySelector("form").addEventListener("submit", (e) => {
    e.preventDefault();
    const q = main.querySelector("#find-field").value.trim();
    const id = encodeURIComponent(q);
    go(/^cas_/.test(q) ? "/cases/" + id : /^inc_/.test(q) ? "/incidents/" + id : /^req_/.test(q) ? "/requests/" + id : "/find?q=" + id);
  });
});
