package reference

import (
	"net/http"
	"slices"

	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
)

// A loginPage asks a user for name and password.
type loginPage struct {
	frame
	Fields fields
	Tx     string
	CSRF   string
	Client *Client
	Name   string // as typed before

	ClientName any
	Return     string // where to go afterwards; only with a fault

	Wrong   bool
	Agree   bool // signing in also agrees
	Scopes  []string
	Who     who  // if signing in agrees
	Refusal bool // put the refusing button first
}

func (s *AuthServer) showLogin(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	tx := s.transactionOf(r, r.URL.Query().Get("tx"))
	next := s.expired()
	if tx != nil && !s.proxies() {
		next = s.loginPage(tx, "", false)
		if page, ok := next.data.(*loginPage); ok && s.faults.Has(fault.PagesReturn) {
			page.Return = r.URL.Query().Get("return_to")
			next.formTarget = page.Return
		}
	}
	s.mu.Unlock()
	if s.faults.Has(fault.PagesCrossOrigin) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}
	s.write(w, next)
}

func (s *AuthServer) loginPage(tx *transaction, name string, wrong bool) step {
	page := &loginPage{
		frame:  frame{Title: "Sign in"},
		Fields: s.fields(),
		Tx:     tx.id,
		CSRF:   tx.csrf,
		Client: tx.request.client,

		ClientName: s.shownName(tx.request.client),

		Name:    name,
		Wrong:   wrong,
		Agree:   s.agreesOnLogin(tx),
		Refusal: s.variants.Has(variant.FormPostConsent),
	}
	if page.Agree {
		page.Scopes = meanings(tx.request.scopes)
		if agent := s.agentName(tx.request); agent != "" {
			page.Scopes = append(page.Scopes, "Let "+agent+" act for you")
		}
		page.Who = s.whoAsks(tx.request)
		page.Who.Target = destination(tx.request.redirectURI)
	}
	if wrong && s.faults.Has(fault.OracleAccount) && !slices.ContainsFunc(s.options.Users, func(u User) bool { return u.Name == name }) {
		page.Title = "No such user"
	}
	status := http.StatusOK
	if wrong {
		status = http.StatusUnauthorized
	}
	if s.variants.Has(variant.ScriptedLogin) {
		return step{page: "loginapp.html", data: page, script: true, fetches: true, formTarget: tx.request.redirectURI}
	}
	return step{page: "login.html", data: page, status: status, formTarget: tx.request.redirectURI}
}

// agreesOnLogin tells whether the login page also asks for consent, in place of
// a page of its own.
func (s *AuthServer) agreesOnLogin(tx *transaction) bool {
	return s.variants.Has(variant.NoConsent) && tx.failure == nil
}

func (s *AuthServer) submitLogin(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.write(w, s.errorPage(refuse(invalidRequest, "The form cannot be read.")))
		return
	}
	s.mu.Lock()
	next := s.expired()
	if tx := s.loginSubmitted(r); tx != nil && !s.proxies() {
		next = s.signIn(tx, r)
	}
	s.mu.Unlock()
	if s.variants.Has(variant.ScriptedLogin) {
		s.writeForScript(w, next)
		return
	}
	s.write(w, next)
}

// writeForScript tells a script of ours the next step. The page that was sent is
// still there: it need not be shown again.
func (s *AuthServer) writeForScript(w http.ResponseWriter, next step) {
	for _, c := range next.cookies {
		http.SetCookie(w, c)
	}
	if next.location != "" {
		writeJSON(w, http.StatusOK, map[string]string{"location": next.location})
		return
	}
	writeJSON(w, http.StatusUnauthorized, map[string]string{"problem": "Name or password is wrong, or this page is no longer valid."})
}

// signIn checks the password and begins a new session. The session of before, if
// any, ends: nobody can have planted it (session fixation).
func (s *AuthServer) signIn(tx *transaction, r *http.Request) step {
	names := s.fields()
	if r.PostForm.Get(names.Decision) == names.No {
		return s.fail(tx, refuse(accessDenied, "the user did not sign in"))
	}
	name := r.PostForm.Get(names.User)
	if s.guesses.tooMany(name, s.now()) && !s.faults.Has(fault.LoginUnlimited) {
		return s.forbidden("Too many wrong passwords for this name. Wait a minute, then start again.")
	}
	if !s.passwordMatches(name, r.PostForm.Get(names.Password)) {
		s.guesses.wrong(name, s.now())
		if tx.attempts++; tx.attempts >= maxLoginAttempts {
			s.transactions.remove(tx.id)
			return s.errorPage(refuse(accessDenied, "Too many attempts. Go back to the application and start again."))
		}
		return s.loginPage(tx, name, true)
	}
	if c, err := r.Cookie(s.cookieName(sessionCookie)); err == nil {
		s.sessions.remove(digest(c.Value))
	}
	id := secret()
	if c, err := r.Cookie(s.cookieName(browserCookie)); err == nil && s.faults.Has(fault.SessionFixed) {
		id = c.Value
	}
	user := &session{user: name, since: s.now(), agreed: map[string]bool{}}
	s.sessions.put(digest(id), user, s.now().Add(sessionLifetime))

	tx.csrf = secret()
	tx.agreed = s.agreesOnLogin(tx)
	next := s.advance(tx, user)
	if s.faults.Has(fault.PagesReturn) && r.PostForm.Get("return_to") != "" {
		next = step{location: r.PostForm.Get("return_to")}
	}
	next.cookies = append(next.cookies, s.cookie(sessionCookie, id))
	return next
}

// loginSubmitted is submitted, but for the fault that lets anybody sign a
// browser in.
func (s *AuthServer) loginSubmitted(r *http.Request) *transaction {
	if s.faults.Has(fault.LoginForged) {
		tx, _ := s.transactions.get(r.PostForm.Get("tx"), s.now())
		return tx
	}
	return s.submitted(r)
}

// passwordMatches takes the same time for users that do not exist.
func (s *AuthServer) passwordMatches(name, password string) bool {
	matches := false
	for _, u := range s.options.Users {
		if same(digest(name), digest(u.Name)) && same(digest(password), digest(u.Password)) {
			matches = true
		}
	}
	return matches
}
