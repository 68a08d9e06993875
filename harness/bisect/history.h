// Which commits lie between a good and a bad one, and which of them contain which?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace holdfast::bisect {

/// A commit's place in its History.
using Node = size_t;

struct Commit {
  std::string id;
  std::vector<std::string> parents;  ///< ids; those outside of the history are reached by the good end
  std::string subject = {};
};

/// The good end, and every commit that the bad end contains and the good end does not. Node 0 is the good end, the last
/// node the bad end; a commit comes after all that it contains. Immutable.
class History {
 public:
  /// `commits` in topological order, oldest first, the bad end last; without the good end. Errors: harness.usage when
  /// there is none; lab.git when the order is broken.
  static Result<History> create(Commit good, std::vector<Commit> commits);

  size_t size() const { return commits_.size(); }
  Node good() const { return 0; }
  Node bad() const { return commits_.size() - 1; }
  const Commit& operator[](Node node) const { return commits_[node]; }
  /// Parents within the history; the good end stands for all that are outside of it. None for the good end.
  const std::vector<Node>& parents(Node node) const { return parents_[node]; }

  /// Is `older` the commit `newer` itself, or contained in it?
  bool contains(Node newer, Node older) const { return (row(newer)[older / 64] >> (older % 64) & 1U) != 0; }

 private:
  History() = default;
  const uint64_t* row(Node node) const { return reach_.data() + node * words_; }

  std::vector<Commit> commits_;
  std::vector<std::vector<Node>> parents_;
  size_t words_ = 0;
  std::vector<uint64_t> reach_;  ///< a row of bits for each commit: which commits it contains
};

}  // namespace holdfast::bisect
