// How does libFuzzer get at a reader? Which one, HOLDFAST_FUZZ_TARGET says; tools/fuzz sets it.
//
// With HOLDFAST_FUZZ_SEEDS it writes that reader's seeds into the folder of that name and ends; they are made from the
// source tree at HOLDFAST_FUZZ_TREE.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "tools/fuzzing/target.h"

namespace {

using holdfast::fuzzing::Target;

const Target* chosen = nullptr;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

int write_seeds(const std::string& folder) {
  for (const std::string& seed : chosen->seeds(variable("HOLDFAST_FUZZ_TREE"))) {
    const std::string path = fmt::format("{}/{}", folder, holdfast::sha256(seed).substr(0, 16));
    if (!holdfast::write_file(path, std::string_view(seed).substr(0, chosen->longest))) return 2;
  }
  fmt::print("{}\n", chosen->longest);
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const std::string name = variable("HOLDFAST_FUZZ_TARGET");
  if (name == "list") {
    for (const Target& target : holdfast::fuzzing::targets()) fmt::print("{}\n", target.name);
    std::exit(0);
  }
  chosen = holdfast::fuzzing::find_target(name);
  if (chosen == nullptr) {
    fmt::print(stderr, "fuzz: there is no target \"{}\"\n", name);
    std::exit(2);
  }
  if (const std::string folder = variable("HOLDFAST_FUZZ_SEEDS"); !folder.empty()) std::exit(write_seeds(folder));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  chosen->read({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
