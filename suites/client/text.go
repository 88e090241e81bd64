package client

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// quoted shows a value that the client chose.
func quoted(value string) string { return strconv.QuoteToASCII(value[:min(len(value), 200)]) }
