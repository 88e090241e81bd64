package main

import "strings"

// shellQuote makes a word of the shell that stands for itself.
func shellQuote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
