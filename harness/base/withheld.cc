// Which variables of the environment are nobody's but this program's?
#include "harness/base/withheld.h"

#include <cstdlib>
#include <functional>
#include <mutex>
#include <set>

namespace holdfast {
namespace {

struct Withheld {
  std::mutex mutex;  ///< guards names
  std::set<std::string, std::less<>> names;
};

Withheld& withheld() {
  static Withheld one;
  return one;
}

}  // namespace

void withhold_variable(std::string name) {
  const std::lock_guard lock(withheld().mutex);
  withheld().names.insert(std::move(name));
}

bool is_withheld(std::string_view name) {
  const std::lock_guard lock(withheld().mutex);
  return withheld().names.contains(name);
}

std::map<std::string, std::string> withheld_variables() {
  const std::lock_guard lock(withheld().mutex);
  std::map<std::string, std::string> values;
  for (const std::string& name : withheld().names) {
    if (const char* value = std::getenv(name.c_str())) values.emplace(name, value);
  }
  return values;
}

}  // namespace holdfast
