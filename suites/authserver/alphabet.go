package authserver

import "strings"

// alphabet is how many characters there are to choose from, by those that were seen.
func alphabet(text string) float64 {
	for _, set := range []string{"0123456789-", "0123456789abcdef-", "0123456789ABCDEF-"} {
		if strings.Trim(text, set) == "" {
			return float64(len(set) - 1)
		}
	}
	size := 0
	for _, set := range []string{"0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-_"} {
		if strings.ContainsAny(text, set) {
			size += len(set)
		}
	}
	return float64(max(size, 2))
}
