package reference

import (
	"crypto/tls"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/certs"
)

// A CertificateFlaw is what is wrong with a server's certificate.
type CertificateFlaw string

// The flaws.
const (
	CertificateUnknown   CertificateFlaw = "unknown authority"
	CertificateExpired   CertificateFlaw = "expired"
	CertificateOtherName CertificateFlaw = "other name"
)

// spoil makes the certificate of a party as the lab wants it, and makes the party
// tell of whoever begins a handshake.
func (l *ClientLab) spoil(config *tls.Config, party Party, names []string) error {
	if l == nil {
		return nil
	}
	if l.Hello != nil {
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			l.Hello(party)
			return nil, nil //nolint:nilnil // the one that there is
		}
	}
	authority, end := l.Authority, time.Now().Add(12*time.Hour)
	var err error
	switch l.Certificates[party] {
	case CertificateUnknown:
		if authority, err = certs.New(); err != nil {
			return err
		}
	case CertificateExpired:
		end = time.Now().Add(-time.Minute)
	case CertificateOtherName:
		names = []string{"elsewhere.example"}
	default:
		return nil
	}
	certificate, err := authority.IssueUntil(end, names...)
	if err != nil {
		return err
	}
	config.Certificates = []tls.Certificate{certificate}
	return nil
}

// authority is the lab's, for a deployment that speaks https; a new one if it has
// none.
func (l *ClientLab) authority() (*certs.Authority, error) {
	if l == nil {
		return certs.New()
	}
	if l.Authority == nil {
		made, err := certs.New()
		if err != nil {
			return nil, err
		}
		l.Authority = made
	}
	return l.Authority, nil
}
