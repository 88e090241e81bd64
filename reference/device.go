package reference

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// grantDevice is the grant type of the device authorization grant (RFC 8628).
const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// A device waits for a user to approve it elsewhere.
type device struct {
	userCode string
	request  *authRequest
	expires  time.Time
	interval time.Duration
	polled   time.Time // last
	answered bool
	grant    *grant // what the user allowed; nil if nothing
	used     bool
}

const (
	pollInterval = time.Second
	deviceMemory = time.Hour // so that an expired code is known as one
)

// connectsDevices tells whether users sign in here, who could connect one.
func (s *AuthServer) connectsDevices() bool { return !s.unattended() && !s.proxies() }

func (s *AuthServer) routeDevices(mux *http.ServeMux, shared func(string, string, http.HandlerFunc)) {
	if !s.connectsDevices() {
		return
	}
	path := s.issuerPath()
	shared(path+"/device_authorization", "POST", s.authorizeDevice)
	mux.HandleFunc("GET "+path+"/device", s.showDevice)
	mux.HandleFunc("POST "+path+"/device", s.submitDevice)
}

// authorizeDevice is the device authorization endpoint (RFC 8628, section 3.1).
func (s *AuthServer) authorizeDevice(w http.ResponseWriter, r *http.Request) {
	p, problem := s.readForm(r, "resource")
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	s.mu.Lock()
	response, problem := s.newDevice(r, p)
	s.mu.Unlock()
	if problem != nil {
		s.writeRefusal(w, r, problem)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

func (s *AuthServer) newDevice(r *http.Request, p params) (map[string]any, *denial) {
	client, problem := s.authenticate(r, p)
	if problem != nil {
		return nil, problem
	}
	if !contains(client.GrantTypes, grantDevice) {
		return nil, refuse(unauthorizedClient, "the client is not registered for this grant type")
	}
	q := &authRequest{client: client, maxAge: -1, defaulted: len(p.list("resource")) == 0}
	if q.scopes, problem = s.scopeGranted(p.get("scope"), client); problem != nil {
		return nil, problem
	}
	if q.resources, problem = s.resourcesGranted(p.list("resource")); problem != nil {
		return nil, problem
	}
	lifetime := s.options.DeviceLifetime
	d := &device{userCode: newUserCode(), request: q, expires: s.now().Add(lifetime), interval: pollInterval}
	code := secret()
	s.devices.put(digest(code), d, d.expires.Add(deviceMemory))
	page := s.at("/device")
	return map[string]any{
		"device_code": code, "user_code": d.userCode, "verification_uri": page,
		"verification_uri_complete": page + "?" + url.Values{"user_code": {d.userCode}}.Encode(),
		"expires_in":                int(lifetime / time.Second), "interval": int(pollInterval / time.Second),
	}, nil
}

// userCodeAlphabet has no vowels, so that no words come of it, and nothing that
// is mistaken for something else (RFC 8628, section 6.1).
const userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"

func newUserCode() string {
	var b strings.Builder
	for b.Len() < 9 {
		if b.Len() == 4 {
			b.WriteByte('-')
		}
		var one [1]byte
		_, _ = rand.Read(one[:]) // never fails (crypto/rand)
		if int(one[0]) < 256-256%len(userCodeAlphabet) {
			b.WriteByte(userCodeAlphabet[int(one[0])%len(userCodeAlphabet)])
		}
	}
	return b.String()
}

// pollDevice gives tokens once the user has approved (RFC 8628, section 3.4).
func (s *AuthServer) pollDevice(client *Client, p params) (map[string]any, *denial) {
	d, ok := s.devices.get(digest(p.get("device_code")), s.now())
	if !ok || d.request.client.ID != client.ID && !s.faults.Has(fault.DeviceAnyClient) {
		return nil, refuse(invalidGrant, "the device code is not known")
	}
	if !s.now().Before(d.expires) && !s.faults.Has(fault.DeviceEternal) {
		return nil, refuse("expired_token", "the device code has expired")
	}
	raced := d.answered && s.races(fault.DeviceRaces, p.get("device_code"), "")
	if pollsTooSoon := s.pollsTooSoon(d); pollsTooSoon {
		return nil, refuse("slow_down", "the interval is %d seconds now", int(d.interval/time.Second))
	}
	switch {
	case !d.answered || d.grant == nil && s.faults.Has(fault.DeviceDenialHidden):
		return nil, s.pending()
	case d.grant == nil:
		return nil, refuse(accessDenied, "the user refused")
	case d.used && !raced && !s.faults.Has(fault.DeviceReusable):
		return nil, refuse(invalidGrant, "the device code was used before")
	}
	resource, problem := s.resourceAllowed(p.list("resource"), d.grant)
	if problem != nil {
		return nil, problem
	}
	d.used = true
	return s.tokenResponse(d.grant, client, d.grant.scopes, resource)
}

// pollsTooSoon tells whether a device polls before its interval is over, which makes the
// interval longer (RFC 8628, section 3.5).
func (s *AuthServer) pollsTooSoon(d *device) bool {
	early := s.now().Before(d.polled.Add(d.interval)) && !d.used
	d.polled = s.now()
	if !early || s.faults.Has(fault.DeviceNoSlowDown) {
		return false
	}
	d.interval += 5 * time.Second
	return true
}

func (s *AuthServer) pending() *denial {
	if s.faults.Has(fault.DevicePendingError) {
		return refuse(invalidGrant, "the user has not answered")
	}
	return refuse("authorization_pending", "the user has not answered")
}

// A devicePage asks a user for the code that a device shows.
type devicePage struct {
	frame
	Fields   fields
	Tx, CSRF string
	UserCode string
	Wrong    bool
}

// showDevice is the verification page. It belongs to the browser that it was
// opened in, and to a user who has signed in.
func (s *AuthServer) showDevice(w http.ResponseWriter, r *http.Request) {
	browser := s.browserCookie(r)
	s.mu.Lock()
	tx := s.transactionOf(r, r.URL.Query().Get("tx"))
	if tx == nil || tx.connects == nil {
		tx = &transaction{
			id: secret(), csrf: secret(), browser: digest(browser), started: s.now(),
			request:  &authRequest{client: &Client{Name: "Connect a device"}, maxAge: -1},
			connects: &connection{userCode: r.URL.Query().Get("user_code")},
		}
		s.transactions.put(tx.id, tx, s.now().Add(transactionLifetime))
	}
	next := s.advance(tx, s.sessionOf(r))
	s.mu.Unlock()
	next.cookies = append(next.cookies, s.cookie(browserCookie, browser))
	s.write(w, next)
}

// A connection is what a transaction is about that connects a device.
type connection struct {
	userCode string // as the link to the page has it
	device   *device
}

// connect takes such a transaction on, once the user has signed in.
func (s *AuthServer) connect(tx *transaction, user *session) step {
	if tx.connects.device != nil {
		return s.consentPage(tx, user)
	}
	if d := s.waiting(tx.connects.userCode); d != nil && s.faults.Has(fault.DeviceAutomatic) {
		tx.connects.device, tx.request = d, d.request
		return s.connected(tx, user, true)
	}
	return s.devicePage(tx, false)
}

func (s *AuthServer) devicePage(tx *transaction, wrong bool) step {
	page := &devicePage{
		frame: frame{Title: "Connect a device"}, Fields: s.fields(), Tx: tx.id, CSRF: tx.csrf,
		UserCode: tx.connects.userCode, Wrong: wrong,
	}
	return step{page: "device.html", data: page, status: http.StatusOK}
}

// waiting finds the device that waits with a user code, however it is typed.
func (s *AuthServer) waiting(userCode string) *device {
	typed := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(userCode))
	for _, kept := range s.devices.values {
		d := kept.value
		if same(typed, strings.ReplaceAll(d.userCode, "-", "")) && !d.answered && s.now().Before(d.expires) {
			return d
		}
	}
	return nil
}

// submitDevice takes the user code. Then the user is asked, as for any client,
// also if the link had the code (RFC 8628, section 5.4).
func (s *AuthServer) submitDevice(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.write(w, s.errorPage(refuse(invalidRequest, "The form cannot be read.")))
		return
	}
	s.mu.Lock()
	next := s.expired()
	user := s.sessionOf(r)
	if tx := s.submitted(r); tx != nil && tx.connects != nil && !s.needsLogin(tx, user) {
		next = s.identify(tx, user, r.PostForm.Get("user_code"))
	}
	s.mu.Unlock()
	s.write(w, next)
}

func (s *AuthServer) identify(tx *transaction, user *session, userCode string) step {
	tries := "user codes of " + user.user
	if s.guesses.tooMany(tries, s.now()) && !s.faults.Has(fault.DeviceUnlimited) {
		return s.forbidden("Too many wrong codes. Wait a minute, then start again.")
	}
	d := s.waiting(userCode)
	if d == nil {
		s.guesses.wrong(tries, s.now())
		return s.devicePage(tx, true)
	}
	tx.connects.device, tx.request = d, d.request
	return s.consentPage(tx, user)
}

// connected ends the transaction with the user's answer.
func (s *AuthServer) connected(tx *transaction, user *session, allowed bool) step {
	d := tx.connects.device
	s.transactions.remove(tx.id)
	if d == nil || d.answered {
		return s.expired()
	}
	d.answered = true
	said := "The device was refused. Nothing was given to it."
	if allowed {
		q := d.request
		d.grant = s.allow(&grant{
			client: q.client.ID, user: user.user, scopes: q.scopes, resources: q.resources,
			signedIn: user.since, defaulted: q.defaulted,
		})
		said = "The device is connected. You can close this page."
	}
	return step{page: "done.html", data: &errorPage{frame: frame{Title: "Done"}, Problem: said}}
}
