package reports

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// transcriptFolder is where a file for each situation lies within the folder of a
// report.
const transcriptFolder = "transcripts"

// transcriptTitle begins every such file. It tells them from other files.
const transcriptTitle = "mcpassay transcript: "

// TranscriptPath is where the transcript of a situation lies within the folder of
// a report, or "" if there is none.
func TranscriptPath(s *Situation) string {
	if s.TranscriptSHA256 == "" || !fileName.MatchString(s.ID) {
		return ""
	}
	return path.Join(transcriptFolder, s.ID+".txt")
}

// Transcripts writes a file for each situation, byte for byte what its digest is
// of, below dir. Those of an earlier run are removed.
func Transcripts(dir string, r *Report) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the transcripts: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	if err := removeOld(root, transcriptFolder+"/*.txt", transcriptTitle); err != nil {
		return fmt.Errorf("remove the transcripts of an earlier run: %w", err)
	}
	for i := range r.Situations {
		s := &r.Situations[i]
		name := TranscriptPath(s)
		if name == "" || s.transcript == "" {
			continue
		}
		if err := root.MkdirAll(transcriptFolder, 0o755); err != nil {
			return fmt.Errorf("write the transcripts: %w", err)
		}
		if err := root.WriteFile(name, []byte(s.transcript), 0o644); err != nil {
			return fmt.Errorf("write the transcripts: %w", err)
		}
	}
	return nil
}

// removeOld removes the files that match and begin with a title of ours.
func removeOld(root *os.Root, pattern, title string) error {
	files, err := fs.Glob(root.FS(), pattern)
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := root.ReadFile(name)
		if err != nil || !bytes.HasPrefix(text, []byte(title)) {
			continue // not ours
		}
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}
