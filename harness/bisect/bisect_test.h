// What do the unit tests of the bisection share?
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/bisect/bisection.h"

namespace holdfast::bisect {

/// good - c1 - c2 ... cN, one after the other.
inline History line(size_t commits) {
  std::vector<Commit> all;
  for (size_t i = 1; i <= commits; ++i) {
    all.push_back({.id = "c" + std::to_string(i), .parents = {i == 1 ? "good" : "c" + std::to_string(i - 1)}});
  }
  auto history = History::create({.id = "good", .parents = {}}, std::move(all));
  EXPECT_TRUE(history) << history.error().what;
  return *std::move(history);
}

/// good - a(1) - b(2) - m(5) - tip(6), and beside them good - x(3) - y(4) - m.
inline History merged() {
  auto history = History::create({.id = "good", .parents = {}}, {{.id = "a", .parents = {"good"}},
                                                                 {.id = "b", .parents = {"a"}},
                                                                 {.id = "x", .parents = {"older-than-good"}},
                                                                 {.id = "y", .parents = {"x"}},
                                                                 {.id = "m", .parents = {"b", "y"}},
                                                                 {.id = "tip", .parents = {"m"}}});
  EXPECT_TRUE(history) << history.error().what;
  return *std::move(history);
}

}  // namespace holdfast::bisect
