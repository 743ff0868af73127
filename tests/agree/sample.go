// SPDX-License-Identifier: Apache-2.0

// What names.py builds for Go: inlined calls, methods, closures, and what the library has.
package main

import (
	"fmt"
	"sort"
	"strings"
)

type pair struct{ first, second int }

func (p pair) sum() int { return square(p.first) + twice(p.second) }
func (p *pair) swap()   { p.first, p.second = p.second, p.first }
func square(x int) int  { return x*x + 3 }
func twice(x int) int   { return square(x) + square(x+1) }
func each[T any](list []T, do func(T)) {
	for _, one := range list {
		do(one)
	}
}

//go:noinline
func burn(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		p := pair{i, n}
		p.swap()
		s += p.sum() % 7
	}
	return s
}

func main() {
	list := []pair{{1, 2}, {0, 3}}
	sort.Slice(list, func(i, k int) bool { return list[i].sum() < list[k].sum() })
	each(list, func(p pair) { fmt.Println(strings.Repeat("a", p.first), burn(p.second)) })
}
