package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"
)

// The official conformance tool keeps, for each scenario, a folder with one file:
// a list of checks. Ours has the same form, so that what reads the one reads the
// other.
const (
	checksFolder = "checks"
	checksFile   = "checks.json"
)

// An officialStatus is what came of a check, in that tool's words.
type officialStatus string

const (
	officialSuccess officialStatus = "SUCCESS"
	officialFailure officialStatus = "FAILURE"
	officialWarning officialStatus = "WARNING"
	officialSkipped officialStatus = "SKIPPED"
	officialInfo    officialStatus = "INFO"
)

type officialCheck struct {
	ID             string              `json:"id"`
	Name           string              `json:"name"`
	Description    string              `json:"description"`
	Status         officialStatus      `json:"status"`
	Timestamp      string              `json:"timestamp"`
	SpecReferences []officialReference `json:"specReferences,omitempty"`
	Details        map[string]any      `json:"details,omitempty"`
	ErrorMessage   string              `json:"errorMessage,omitempty"`
}

type officialReference struct {
	ID string `json:"id"`
}

// notTestable begins what that tool says of a check that the client never got to.
const notTestable = "Not testable: "

// officialChecks are the checks on one situation, and how far the client got.
func officialChecks(r *Report, s *Situation) []officialCheck {
	at := r.Start.UTC().Format(time.RFC3339)
	details := map[string]any{"scenario": s.Scenario, "expected": s.Expected, "cell": s.Cell}
	if s.TranscriptSHA256 != "" {
		details["transcriptSha256"] = s.TranscriptSHA256
	}
	all := []officialCheck{{
		ID: "mcpassay-situation", Name: s.ID, Description: "Before a deployment that " + line(s.Title, 300), Status: officialInfo,
		Timestamp: at, Details: details,
	}}
	for _, result := range inOrder(r.Results) {
		for _, f := range result.Facets {
			if f.Situation == s.ID {
				all = append(all, officialOf(result, f, at))
			}
		}
	}
	return all
}

func officialOf(r *Result, f Facet, at string) officialCheck {
	c := officialCheck{
		ID: r.ID, Name: r.ID, Description: line(r.Title, 300), Timestamp: at, ErrorMessage: paragraph(f.Message, 4000),
		Details: map[string]any{"level": r.Level, "outcome": f.Outcome},
	}
	for _, cite := range r.Cites {
		c.SpecReferences = append(c.SpecReferences, officialReference{line(cite.String(), 300)})
	}
	switch f.Outcome {
	case Pass:
		c.Status = officialSuccess
	case Fail:
		c.Status = officialFailure
	case Warn:
		c.Status = officialWarning
	case Inconclusive:
		if r.Outcome != Inconclusive { // another situation has decided
			c.Status = officialSkipped
			break
		}
		c.Status, c.Details["untestable"] = officialFailure, true
		c.ErrorMessage = notTestable + c.ErrorMessage
	case NotApplicable:
		c.Status = officialSkipped
	default:
		c.Status = officialInfo
	}
	return c
}

// OfficialChecks writes a folder for each situation, below dir, with a list of
// checks in the form of the official conformance tool. Those of an earlier run
// are removed.
func OfficialChecks(dir string, r *Report) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the checks: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	if err := removeOldChecks(root); err != nil {
		return fmt.Errorf("remove the checks of an earlier run: %w", err)
	}
	for i := range r.Situations {
		s := &r.Situations[i]
		if !fileName.MatchString(s.ID) {
			continue
		}
		text, err := officialJSON(officialChecks(r, s))
		if err != nil {
			return fmt.Errorf("write the checks: %w", err)
		}
		folder := path.Join(checksFolder, s.ID)
		if err := root.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("write the checks: %w", err)
		}
		if err := root.WriteFile(path.Join(folder, checksFile), text, 0o644); err != nil {
			return fmt.Errorf("write the checks: %w", err)
		}
	}
	return nil
}

func officialJSON(checks []officialCheck) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(checks)
	return escape(b.Bytes()), err
}

// removeOldChecks removes what OfficialChecks wrote before, and nothing else.
func removeOldChecks(root *os.Root) error {
	files, err := fs.Glob(root.FS(), checksFolder+"/*/"+checksFile)
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := root.ReadFile(name)
		var checks []officialCheck
		if err != nil || json.Unmarshal(text, &checks) != nil || len(checks) == 0 || checks[0].ID != "mcpassay-situation" {
			continue // not ours
		}
		if err := root.Remove(name); err != nil {
			return err
		}
		if others, err := fs.ReadDir(root.FS(), path.Dir(name)); err != nil || len(others) > 0 {
			continue // somebody keeps other files there
		}
		if err := root.Remove(path.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}
