package repository

import "strings"

// OneOf writes a list of the domain's own names as SQL has it after IN: ('started', 'doubtful').
func OneOf[S ~string](names []S) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "'" + string(name) + "'"
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}
