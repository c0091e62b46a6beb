package store

import (
	"fmt"
	"strings"
)

// conditions are those of one query. A condition that chooses all is left out, so that the database
// sees which index serves the others.
type conditions struct {
	texts []string
	args  []any
}

// add adds a condition in which the place of the argument is written %d.
func (c *conditions) add(condition string, arg any) {
	c.args = append(c.args, arg)
	c.texts = append(c.texts, fmt.Sprintf(condition, len(c.args)))
}

// equal adds that a column has a value, unless the value is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = $%d", value)
	}
}

// limited returns what follows the table's name in a query of at most so many rows, newest first.
func (c *conditions) limited(limit int) string {
	c.args = append(c.args, limit)
	where := ""
	if len(c.texts) > 0 {
		where = " where " + strings.Join(c.texts, " and ")
	}
	return fmt.Sprintf("%s order by id desc limit $%d", where, len(c.args))
}
