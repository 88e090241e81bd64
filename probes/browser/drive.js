// What the user agent does inside a page. It runs in a world of its own: the
// page's scripts cannot see it, and it sees the page's elements but not its
// scripts. The shapes of what it returns and takes are those of package signin.
(() => {
  if (globalThis.mcpassay) return;

  const text = (s, max) => (s || '').replace(/\s+/g, ' ').trim().slice(0, max);
  const attr = (el, name) => el?.getAttribute(name) || '';
  const absolute = (ref) => {
    try { return new URL(ref, document.baseURI).href; } catch { return ''; }
  };

  // walk yields the elements of the document in order, and those in open shadow trees.
  function* walk(root) {
    for (const el of root.querySelectorAll('*')) {
      yield el;
      if (el.shadowRoot) yield* walk(el.shadowRoot);
    }
  }

  function visible(el) {
    if (!el.checkVisibility({ checkVisibilityCSS: true })) return false;
    const box = el.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && box.right + scrollX > 0 && box.bottom + scrollY > 0;
  }

  // A tick box is often hidden behind a drawing of one, in its label.
  const shown = (el) => visible(el) ||
    (el.type === 'checkbox' || el.type === 'radio') && [...(el.labels || [])].some(visible);

  // before is the text that stands before a field without a label.
  function before(el) {
    let words = '';
    for (let n = el.previousSibling; n && !words; n = n.previousSibling) {
      if (n.nodeType === Node.ELEMENT_NODE && n.matches('input, select, button, textarea')) break;
      words = text(n.textContent, 80);
    }
    return words || text(el.closest('td')?.previousElementSibling?.textContent, 80);
  }

  function label(el, kind) {
    const parts = [];
    for (const l of el.labels || []) parts.push(l.innerText);
    for (const id of attr(el, 'aria-labelledby').split(/\s+/)) {
      if (id) parts.push(document.getElementById(id)?.innerText);
    }
    parts.push(attr(el, 'aria-label'));
    if (kind === 'button' || kind === 'link') {
      parts.unshift(el.tagName === 'INPUT' ? el.value : el.innerText);
      parts.push(attr(el, 'alt'), attr(el.querySelector('img'), 'alt'));
    } else {
      parts.push(attr(el, 'placeholder'));
      if (!parts.join('').trim()) parts.push(before(el));
    }
    const said = parts.filter(Boolean).join(' ').trim();
    return text(said || attr(el, 'title'), 200);
  }

  function kindOf(el) {
    switch (el.tagName) {
      case 'INPUT':
        switch (el.type) {
          case 'hidden': case 'file': case 'range': case 'color': return '';
          case 'checkbox': return 'check';
          case 'radio': return 'radio';
          case 'submit': case 'image': case 'button': return 'button';
          case 'reset': return '';
        }
        return 'field';
      case 'TEXTAREA': return 'field';
      case 'SELECT': return 'choice';
      case 'BUTTON': return el.type === 'reset' ? '' : 'button';
      case 'A': return attr(el, 'role') === 'button' ? 'button' : el.hasAttribute('href') ? 'link' : '';
    }
    return attr(el, 'role') === 'button' ? 'button' : '';
  }

  function describe(el, kind, forms) {
    const form = el.form || el.closest('form');
    const submits = kind === 'button' && !!el.form && (el.type === 'submit' || el.type === 'image');
    let method = '', action = '';
    if (submits) {
      method = attr(el, 'formmethod') || attr(form, 'method') || 'get';
      action = absolute(attr(el, 'formaction') || attr(form, 'action') || location.href);
    } else if (el.tagName === 'A' && el.hasAttribute('href')) {
      method = 'get';
      action = absolute(attr(el, 'href'));
    }
    if (form && !forms.includes(form)) forms.push(form);
    return {
      kind,
      type: (el.type || '').toLowerCase(),
      name: attr(el, 'name'),
      value: el.type === 'password' ? (el.value ? '•' : '') : text(el.value ?? attr(el, 'value'), 200),
      label: label(el, kind),
      autocomplete: attr(el, 'autocomplete').toLowerCase().split(/\s+/).pop(),
      form: form ? forms.indexOf(form) : -1,
      submits, method: method.toLowerCase(), action,
      required: !!el.required || attr(el, 'aria-required') === 'true',
      checked: !!el.checked,
      disabled: !!el.disabled || attr(el, 'aria-disabled') === 'true',
      readonly: !!el.readOnly,
      options: kind === 'choice' ? [...el.options].slice(0, 50).map((o) => o.value) : [],
    };
  }

  function refresh() {
    const m = /^\s*([\d.]+)\s*[;,]?\s*(?:url\s*=\s*)?["']?([^"']*)/i
      .exec(attr(document.querySelector('meta[http-equiv="refresh" i]'), 'content'));
    return m && m[2] ? { url: absolute(m[2].trim()), delay: Number(m[1]) } : null;
  }

  let elements = []; // of the latest view, by index

  // inert tells whether nothing in the document can change it or leave it by itself.
  const inert = () => !document.querySelector('script, iframe, frame, object, embed, meta[http-equiv=refresh i]') &&
    !document.querySelector('[onload], [onerror], [onanimationend], [ontransitionend], [autofocus][onfocus]');

  function view() {
    elements = [];
    const found = { url: location.href, title: text(document.title, 200), text: '', controls: [], captcha: false, refresh: null, inert: false };
    if (location.protocol === 'chrome-error:' || !document.documentElement) return found;
    const forms = [];
    for (const el of walk(document)) {
      const kind = kindOf(el);
      if (kind && shown(el) && elements.length < 500) {
        elements.push(el);
        found.controls.push(describe(el, kind, forms));
      }
      found.captcha ||= el.matches('.g-recaptcha:not([data-size=invisible]), .h-captcha, .cf-turnstile, input[name*=captcha i]') && visible(el);
    }
    found.text = (document.body?.innerText || '').trim().slice(0, 2000);
    found.refresh = refresh();
    found.inert = inert();
    return found;
  }

  // look returns the view once the document is parsed and has not changed for
  // some time, or has gone on changing or loading for so long that it is taken as it is.
  function look(quiet, patience, loading) {
    return new Promise((resolve) => {
      const since = performance.now();
      let timer;
      const ready = () => document.readyState === 'complete' ||
        document.readyState === 'interactive' && performance.now() - since > loading;
      const done = () => {
        observer.disconnect();
        document.removeEventListener('readystatechange', again);
        resolve(view());
      };
      const again = () => {
        clearTimeout(timer);
        timer = setTimeout(() => ready() ? done() : again(), performance.now() - since > patience ? 0 : quiet);
        if (performance.now() - since > patience && ready()) done();
      };
      const observer = new MutationObserver(again);
      observer.observe(document, {
        subtree: true, childList: true, characterData: true,
        attributes: true, attributeFilter: ['disabled', 'hidden', 'type', 'href', 'action'],
      });
      document.addEventListener('readystatechange', again);
      again();
    });
  }

  // fill types a value so that scripts that keep their own state notice.
  function fill(el, value) {
    el.focus();
    const proto = { SELECT: HTMLSelectElement, TEXTAREA: HTMLTextAreaElement }[el.tagName] || HTMLInputElement;
    Object.getOwnPropertyDescriptor(proto.prototype, 'value').set.call(el, value);
    for (const type of ['input', 'change']) el.dispatchEvent(new Event(type, { bubbles: true, composed: true }));
  }

  // press clicks, and waits a little for a button to become ready for it.
  function press(el) {
    el.scrollIntoView({ block: 'center' });
    if (!el.disabled) return el.click();
    return new Promise((resolve) => {
      const settle = () => { observer.disconnect(); clearTimeout(timer); el.click(); resolve(); };
      const observer = new MutationObserver(() => el.disabled || settle());
      const timer = setTimeout(settle, 1000);
      observer.observe(el, { attributes: true });
    });
  }

  function enter(el) {
    if (el?.form) return HTMLFormElement.prototype.requestSubmit.call(el.form);
    for (const type of ['keydown', 'keypress', 'keyup']) {
      el?.dispatchEvent(new KeyboardEvent(type, { key: 'Enter', code: 'Enter', keyCode: 13, bubbles: true, composed: true }));
    }
  }

  // act makes a move on the latest view.
  function act(move) {
    let last;
    for (const { control, value } of move.fill) fill(last = elements[control], value);
    for (const i of move.tick) if (!elements[i].checked) elements[i].click();
    return move.press < 0 ? enter(last) : press(elements[move.press]);
  }

  // sends describes the form that a move would send, without sending it.
  function sends(move) {
    const el = elements[move.press] ?? elements[move.fill[0]?.control];
    if (el?.tagName === 'A') return { method: 'get', action: absolute(attr(el, 'href')), fields: [] };
    const form = el?.form;
    if (!form) return null;
    const submitter = el.type === 'submit' || el.type === 'image' ? el : null;
    if (move.press >= 0 && !submitter) return null;
    const data = new FormData(form);
    if (submitter?.name) data.append(submitter.name, submitter.value);
    for (const { control, value } of move.fill) if (elements[control].name) data.set(elements[control].name, value);
    for (const i of move.tick) if (elements[i].name && !elements[i].checked) data.append(elements[i].name, elements[i].value);
    return {
      method: attr(submitter, 'formmethod') || attr(form, 'method') || 'get',
      action: absolute(attr(submitter, 'formaction') || attr(form, 'action') || location.href),
      fields: [...data].filter(([, value]) => typeof value === 'string'),
    };
  }

  // pressScripts follows every link that is a script.
  function pressScripts() {
    for (const el of walk(document)) if (el.tagName === 'A' && /^\s*(javascript|data|vbscript):/i.test(attr(el, 'href'))) el.click();
  }

  const find = (selector) => {
    for (const el of document.querySelectorAll(selector)) if (shown(el)) return el;
  };

  globalThis.mcpassay = {
    look, act, view, sends, pressScripts,
    has: (selector) => !!find(selector),
    fill: (selector, value) => fill(find(selector), value),
    press: (selector) => press(find(selector)),
  };
})();
