// Would a fault be found? Three readers that have one each, a few changed bytes away from their seeds.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "harness/base/deadline.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

std::vector<std::string> seeds(const std::filesystem::path&) { return {"len 3 abc", "len 5 hello"}; }

/// Believes the length that a message says it has.
void crash(std::string_view bytes) {
  if (!bytes.starts_with("len ") || bytes.size() < 6) return;
  const size_t length = static_cast<unsigned char>(bytes[4]) - size_t{'0'};
  const auto heap = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), heap.get());
  volatile char last = heap[5 + length];
  static_cast<void>(last);
}

/// Waits for an end that does not come.
void hang(std::string_view bytes) {
  if (bytes.starts_with("len ") && bytes.size() > 4 && bytes[4] != '3' && bytes[4] != '5') {
    wait_until(Deadline::after(std::chrono::minutes(1)));
  }
}

/// Keeps everything that it was ever given, many times over.
void grow(std::string_view bytes) {
  static std::vector<std::string> kept;
  if (bytes.starts_with("len ") && bytes.size() > 4 && bytes[4] != '3' && bytes[4] != '5') {
    kept.emplace_back(size_t{64} << 20, 'x');
  }
}

}  // namespace

std::span<const Target> controls() {
  static const std::array kControls{
      Target{.name = "control-crash", .read = crash, .seeds = seeds, .longest = 64},
      Target{.name = "control-hang", .read = hang, .seeds = seeds, .longest = 64},
      Target{.name = "control-growth", .read = grow, .seeds = seeds, .longest = 64},
  };
  return kControls;
}

}  // namespace holdfast::fuzzing
