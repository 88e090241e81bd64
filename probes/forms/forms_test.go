package forms_test

import (
	"net/http"
	"testing"

	"github.com/mcpassay/mcpassay/probes/forms"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

func TestSites(t *testing.T) {
	rehearsal.Run(t, forms.New(http.DefaultTransport), false)
}

func TestRefusedCredentials(t *testing.T) {
	rehearsal.Refused(t, forms.New(http.DefaultTransport), "plain", "name-first")
}
