// SPDX-License-Identifier: Apache-2.0
// Templates, lambdas, virtual functions and the standard library's inline chains: names.py compares
// what is said of this program's code.
//
// With PART it is another unit of the same program, which claims the same functions of templates;
// the linker keeps the first one's.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

template <class T> struct Store {
	std::map<std::string, std::vector<T>> values;
	void put(const std::string &key, T value)
	{
		values[key].push_back(value);
	}
};

namespace outer::inner
{
struct Worker {
	virtual ~Worker()
	{
	}
	virtual int run(int n)
	{
		auto times = [n](int y) { return n * y; };
		int sum = 0;
		for (int i = 0; i < n; i++)
			sum += times(i);
		return sum;
	}
};
} // namespace outer::inner

#ifdef PART
int part(int argc)
{
	Store<int> store;
	store.put(std::to_string(argc), argc);
	return int(store.values.size());
}
#else
int part(int argc);

int main(int argc, char **argv)
{
	Store<int> store;
	std::vector<std::string> words(argv, argv + argc);
	std::sort(words.begin(), words.end(),
		  [](const std::string &a, const std::string &b) { return a.size() < b.size(); });
	for (auto &word : words)
		store.put(word, word.size());
	std::regex pattern("a+b*c?(d|e)");
	std::smatch match;
	std::string text = "aabbd";
	std::unique_ptr<outer::inner::Worker> worker(new outer::inner::Worker);
	std::cout << std::regex_match(text, match, pattern) << worker->run(argc) << std::endl;
	return part(argc) > 1000;
}
#endif
