package main

import "fmt"

// didYouMean suggests the candidate nearest to a misspelt word; it is empty if
// none is near.
func didYouMean(word string, candidates []string) string {
	best, nearest := max(2, len(word)/3)+1, ""
	for _, c := range candidates {
		if d := distance(word, c); d < best {
			best, nearest = d, c
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

// distance is how many letters must be put in, taken out or replaced to turn a
// into b (the Levenshtein distance).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
