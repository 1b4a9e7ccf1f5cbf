"use strict";
/* Sorting and copying of tables. The page is complete without it. */
(function () {
  function rowsOf(body) {
    return Array.prototype.filter.call(body.rows, function (row) {
      return !row.classList.contains("group");
    });
  }
  function valueOf(row, column) {
    var cell = row.cells[column];
    if (!cell) { return ""; }
    return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") { return a - b; }
    if (typeof a === "number") { return -1; }
    if (typeof b === "number") { return 1; }
    return a.localeCompare(b, "en", { numeric: true });
  }
  function sort(table, header, column) {
    var descending = header.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("th[aria-sort]").forEach(function (other) {
      other.removeAttribute("aria-sort");
    });
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    Array.prototype.forEach.call(table.tBodies, function (body) {
      var rows = rowsOf(body).map(function (row, place) {
        return { row: row, value: valueOf(row, column), place: place };
      });
      rows.sort(function (a, b) {
        return (descending ? -1 : 1) * compare(a.value, b.value) || a.place - b.place;
      });
      rows.forEach(function (item) { body.appendChild(item.row); });
    });
  }
  function plain(cell) {
    var text = cell.textContent.trim().replace(/\s+/g, " ").replace(/\u2212/g, "-");
    return /^[=+@-]/.test(text) && isNaN(Number(text.split(" ")[0])) ? "'" + text : text;
  }
  function tabbed(table) {
    /* Spanning headers take as many places as they cover, so that columns stay aligned. */
    var grid = Array.prototype.map.call(table.rows, function () { return []; });
    Array.prototype.forEach.call(table.rows, function (row, y) {
      var x = 0;
      Array.prototype.forEach.call(row.cells, function (cell) {
        while (grid[y][x] !== undefined) { x += 1; }
        for (var j = 0; j < cell.rowSpan; j += 1) {
          for (var i = 0; i < cell.colSpan; i += 1) {
            grid[y + j][x + i] = i || j ? "" : plain(cell);
          }
        }
      });
    });
    return grid.map(function (row) { return row.join("\t"); }).join("\n");
  }
  function fallback(text) {
    var area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    return done;
  }
  function copy(table, button) {
    var text = tabbed(table);
    function say(done) {
      button.textContent = done ? "Copied" : "Copying is not allowed here";
      window.setTimeout(function () { button.textContent = "Copy table"; }, 2000);
    }
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(
        function () { say(true); }, function () { say(fallback(text)); });
    } else { say(fallback(text)); }
  }
  document.querySelectorAll("table").forEach(function (table) {
    var name = table.querySelector(".caption b").textContent.replace(/\.$/, "");
    if (table.hasAttribute("data-sortable")) {
      table.querySelectorAll("th[data-column]").forEach(function (header) {
        var button = document.createElement("button");
        button.type = "button";
        button.title = "Sort";
        while (header.firstChild) { button.appendChild(header.firstChild); }
        header.appendChild(button);
        button.addEventListener("click", function () {
          sort(table, header, Number(header.dataset.column));
        });
      });
    }
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy table";
    button.setAttribute("aria-label", "Copy " + name);
    button.addEventListener("click", function () { copy(table, button); });
    var last = table.parentNode;
    while (last.nextElementSibling && last.nextElementSibling.classList.contains("note-line")) {
      last = last.nextElementSibling;
    }
    last.insertAdjacentElement("afterend", button);
  });
  function focusable() {
    document.querySelectorAll(".scroll").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
        box.tabIndex = 0;
      } else { box.removeAttribute("tabindex"); }
    });
  }
  focusable();
  window.addEventListener("resize", focusable);
})();
