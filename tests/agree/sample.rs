// SPDX-License-Identifier: Apache-2.0
// Generics, closures, traits and iterator chains, for names.py.
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

trait Shape {
    fn area(&self) -> f64;
}
struct Circle(f64);
struct Square(f64);
impl Shape for Circle {
    fn area(&self) -> f64 {
        std::f64::consts::PI * self.0 * self.0
    }
}
impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

fn largest<T: PartialOrd + Copy>(items: &[T]) -> Option<T> {
    items.iter().copied().reduce(|a, b| if b > a { b } else { a })
}

fn describe<T: Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("<{item}>")).collect::<Vec<_>>().join(",")
}

fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1000);
    let shapes: Vec<Box<dyn Shape>> = (0..n)
        .map(|i| -> Box<dyn Shape> {
            if i % 2 == 0 { Box::new(Circle(i as f64)) } else { Box::new(Square(i as f64)) }
        })
        .collect();
    let mut by_digit: HashMap<u64, Vec<f64>> = HashMap::new();
    for (i, shape) in shapes.iter().enumerate() {
        by_digit.entry(i as u64 % 10).or_default().push(shape.area());
    }
    let sums: BTreeMap<_, f64> = by_digit.iter().map(|(k, v)| (*k, v.iter().sum())).collect();
    let mut words: Vec<String> = sums.iter().map(|(k, v)| format!("{k}={v:.1}")).collect();
    words.sort_by_key(|w| std::cmp::Reverse(w.len()));
    println!("{:?} {}", largest(&[1, 5, 3]), describe(&words));
}
