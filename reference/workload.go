package reference

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// grantWorkload is the grant by which a workload trades the assertion of its
// platform for an access token (RFC 7523, section 2.1; MCP, the extension for
// workload identity federation).
const grantWorkload = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// A Workload is a program that its platform vouches for, and what the operator
// lets it have. Issuer and subject name it together: another issuer may use the
// same subject for something else.
type Workload struct {
	Issuer, Subject string
	Key             *tokens.Issuer // of the platform, and known to us only because we made it up

	jwks     []byte
	resource string
	scopes   []string
}

// workloadClient stands for whoever asks without being registered.
var workloadClient = &Client{AuthMethod: authNone}

// trustWorkloads makes up two platforms, each with a workload: one for the main
// endpoint and one for the other.
func (s *AuthServer) trustWorkloads() error {
	for _, w := range []*Workload{
		{Issuer: "https://platform.example/tenants/a", Subject: "spiffe://a.example/jobs/notes"},
		{Issuer: "https://platform.example/tenants/b", Subject: "spiffe://b.example/jobs/archive"},
	} {
		var err error
		if w.Key, err = tokens.NewIssuer(w.Issuer); err != nil {
			return fmt.Errorf("workload: %w", err)
		}
		if w.jwks, err = w.Key.JWKS(); err != nil {
			return fmt.Errorf("workload: %w", err)
		}
		w.scopes = []string{scopeRead}
		s.workloads = append(s.workloads, w)
	}
	return nil
}

// Workloads are the workloads that are known: the first may call the main
// endpoint, the second only the other.
func (s *AuthServer) Workloads() []*Workload { return s.workloads }

// isWorkload tells whether a token request comes from a workload: it shows an
// assertion and says nothing of a client.
func (s *AuthServer) isWorkload(r *http.Request, p params) bool {
	t, err := tokens.Parse(p.get("assertion"))
	if p.get("grant_type") != grantWorkload || err != nil || s.faults.Has(fault.WorkloadNeedsClient) {
		return false
	}
	forIdentity := strings.Contains(strings.ToLower(t.Type()), "id-jag")
	return !forIdentity && r.Header.Get("Authorization") == "" && s.namesNoClient(p) && p.get("client_assertion") == ""
}

// workloadToken gives a workload a token for the MCP server that it may call.
// That its platform is trusted is not enough.
func (s *AuthServer) workloadToken(p params) (map[string]any, *denial) {
	t, err := tokens.Parse(p.get("assertion"))
	if err != nil || s.faults.Has(fault.WorkloadRefused) {
		return nil, refuse(invalidGrant, "the assertion cannot be read")
	}
	if err := s.workloadAsserted(t); err != nil {
		return nil, refuse(invalidGrant, "the assertion is refused: %v", err)
	}
	w := s.workloadOf(t)
	if w == nil {
		return nil, refuse(unauthorizedClient, "nobody has entitled this workload")
	}
	for _, resource := range p.list("resource") {
		if resource != w.resource && !s.faults.Has(fault.WorkloadAnyResource) {
			return nil, refuse(invalidTarget, "this workload is not entitled to the resource")
		}
	}
	scopes, problem := s.scopeNarrowed(p.get("scope"), w.scopes)
	if problem != nil {
		return nil, problem
	}
	if len(p.list("resource")) == 0 {
		p["resource"] = []string{w.resource}
	}
	name := w.Issuer + "|" + w.Subject
	return s.ownToken(name, name, scopes, p)
}

// workloadOf finds the workload that an assertion is about; nil if the operator
// has entitled none of that issuer and subject.
func (s *AuthServer) workloadOf(t *tokens.Token) *Workload {
	issuer, _ := t.String("iss")
	subject, named := t.String("sub")
	trusted := slices.ContainsFunc(s.workloads, func(w *Workload) bool { return w.Issuer == issuer })
	for _, w := range s.workloads {
		sameIssuer := w.Issuer == issuer || s.faults.Has(fault.WorkloadTenantsMixed) || s.faults.Has(fault.WorkloadAnyIssuer) && !trusted
		sameSubject := w.Subject == subject || s.faults.Has(fault.WorkloadAnySubject) || !named && s.faults.Has(fault.WorkloadNameless)
		if sameIssuer && sameSubject {
			return w
		}
	}
	return nil
}

// workloadAsserted checks an assertion: a platform that we trust has signed it,
// for this token endpoint, about somebody, not long ago.
func (s *AuthServer) workloadAsserted(t *tokens.Token) error {
	if err := s.platformSigned(t); err != nil {
		return err
	}
	audience, err := t.Audience()
	if (err != nil || len(audience) != 1 || audience[0] != s.at("/token")) && !s.faults.Has(fault.WorkloadAnyAudience) {
		return errors.New("it is not for this token endpoint")
	}
	expires, err := t.Time("exp")
	switch {
	case err != nil, expires.IsZero() && !s.faults.Has(fault.WorkloadEternal):
		return errors.New("it has no end")
	case !expires.IsZero() && !s.now().Before(expires) && !s.faults.Has(fault.WorkloadExpired):
		return errors.New("it has expired")
	}
	if subject, ok := t.String("sub"); (!ok || subject == "") && !s.faults.Has(fault.WorkloadNameless) {
		return errors.New("it names nobody")
	}
	issued, err := t.Time("iat")
	id, _ := t.String("jti")
	if (err != nil || issued.IsZero() || id == "") && !s.faults.Has(fault.WorkloadIncomplete) {
		return errors.New("it has no iat or no jti")
	}
	return s.workloadAssertedOnce(t, id)
}

// workloadAssertedOnce takes an assertion once.
func (s *AuthServer) workloadAssertedOnce(t *tokens.Token, id string) error {
	issuer, _ := t.String("iss")
	seen := "workload " + issuer + " " + id
	if _, used := s.assertions.get(seen, s.now()); used && id != "" && !s.takesTwice() {
		return errors.New("it was used before")
	}
	s.assertions.put(seen, true, s.now().Add(maxAssertionLifetime))
	return nil
}

// platformSigned verifies the signature with the keys that the operator has
// configured for the issuer. No issuer is ever asked: whoever writes an assertion
// would choose where we connect to.
func (s *AuthServer) platformSigned(t *tokens.Token) error {
	issuer, _ := t.String("iss")
	for _, w := range s.workloads {
		if w.Issuer != issuer {
			continue
		}
		if _, err := tokens.VerifyAssertion(t.Raw(), w.jwks); err != nil && !s.faults.Has(fault.WorkloadUnverified) {
			return errors.New("its signature does not verify")
		}
		return nil
	}
	if s.faults.Has(fault.WorkloadFetchesKeys) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		foreign := newAuthority(issuer, "")
		defer foreign.close()
		_, _ = foreign.key(ctx, t.KeyID()) // whatever comes back: the harm is done
	}
	if s.faults.Has(fault.WorkloadAnyIssuer) {
		return nil
	}
	return errors.New("its issuer is not trusted here")
}

// describeWorkloads lists the grant of workloads.
func (s *AuthServer) describeWorkloads(document map[string]any) {
	grants, _ := document["grant_types_supported"].([]string)
	if !contains(grants, grantWorkload) {
		grants = append(grants, grantWorkload)
	}
	if s.faults.Has(fault.WorkloadGrantUnlisted) {
		grants = slices.DeleteFunc(grants, func(g string) bool { return g == grantWorkload })
	}
	document["grant_types_supported"] = grants
}
