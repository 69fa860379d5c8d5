package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The strict reader must refuse whatever encoding/json refuses, and read what it accepts in the same way.
func FuzzReadObject(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":[1,2,{"c":null}]},"d":"\u00e9\ud83d\ude00"}`, `{"a":1,"a":2}`, `{"a":-0.5e+10}`, ` { "a" : true } `,
		`{"a":"\ud800"}`, `{"a":01}`, `{"a":1}x`, "{\"a\":\"\xff\"}", `[]`, ``, `{"a":[[[[[]]]]]}`, `{"a":1.}`, `{"\u0061":1,"a":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := ReadObject(data, nil)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("accepted %q, which is not JSON: %v", data, err)
		}
		if len(want) != len(members) {
			t.Fatalf("%q: %d members, want %d", data, len(members), len(want))
		}
		for _, m := range members {
			if raw, ok := want[string(m.Name)]; !ok || !bytes.Equal(bytes.TrimSpace(raw), m.Raw) {
				t.Errorf("%q: %s is %s, want %s", data, m.Name, m.Raw, raw)
			}
		}
	})
}

func TestReadObject_many_names(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&text, `,"n%d":1`, i)
	}
	body := "{" + text.String()[1:]
	if members, err := ReadObject([]byte(body+"}"), nil); err != nil || len(members) != 5_000 {
		t.Errorf("%d members, %v", len(members), err)
	}
	for _, name := range []string{"n0", "n23", "n24", "n25", "n4999"} {
		if _, err := ReadObject([]byte(body+`,"`+name+`":2}`), nil); err == nil {
			t.Errorf("%s came twice", name)
		}
	}
}

func TestReadObject_depth(t *testing.T) {
	t.Parallel()
	nested := func(levels int) []byte {
		return []byte(`{"x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`)
	}
	if _, err := ReadObject(nested(MaxDepth), nil); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if _, err := ReadObject(nested(MaxDepth+1), nil); err == nil {
		t.Errorf("%d levels were accepted", MaxDepth+1)
	}
}
