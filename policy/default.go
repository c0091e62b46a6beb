package policy

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"

	"countersign.dev/fault"
)

//go:embed default examples
var embedded embed.FS

// Default returns the files of the default set.
func Default() map[string]string {
	files := folder("default")
	delete(files, "tests.txtar") // what is signed and entered in the ledger is what rules
	return files
}

// DefaultTests returns the policy tests of the default set, which Check runs if
// they are among the files.
func DefaultTests() map[string]string {
	return map[string]string{"tests.txtar": folder("default")["tests.txtar"]}
}

// Example returns a whole set made of an example: "before" is a world such as
// 2017's, in which any support agent may act alone; "one-way" is the default set
// with the file that forbids one-way acts replaced. Errors are faults of type
// "no-such-example".
func Example(name string) (map[string]string, error) {
	examples := folder("examples")
	text, ok := examples[name+".cedar"]
	if !ok {
		return nil, fault.New(fault.NotFound, "no-such-example", "There is no example %q; there are before and one-way.", name)
	}
	files := Default()
	if name == "before" {
		files = map[string]string{"tiers.json": files["tiers.json"]}
	}
	files[name+".cedar"] = text
	return maps.Clone(files), nil
}

func folder(name string) map[string]string {
	entries, err := fs.ReadDir(embedded, name)
	if err != nil {
		panic(fmt.Sprintf("policy: embedded folder %s: %v", name, err)) // a build without its own files
	}
	files := map[string]string{}
	for _, e := range entries {
		b, err := embedded.ReadFile(name + "/" + e.Name())
		if err != nil {
			panic(fmt.Sprintf("policy: embedded file %s: %v", e.Name(), err))
		}
		files[e.Name()] = string(b)
	}
	return files
}
