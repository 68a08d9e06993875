// Does a reader bear these bytes?
#include "tools/fuzzing/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "harness/base/deadline.h"

/// What the sanitizers' allocators count; none of them in a build without.
extern "C" __attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes();

namespace holdfast::fuzzing {
namespace {

/// Less than a reader that keeps its input would have kept after a few times.
constexpr size_t kTooMuch = size_t{1} << 16;

size_t allocated() {
  return __sanitizer_get_current_allocated_bytes != nullptr ? __sanitizer_get_current_allocated_bytes() : 0;
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(next() % limit); }

 private:
  uint64_t state_;
};

/// What texts and messages of all kinds are made of.
constexpr std::array<std::string_view, 20> kWords{"\n",    "\r\n\r\n",
                                                  "\"",    "{",
                                                  "}",     "[[[[[[[[",
                                                  "]",     "\\u",
                                                  "\x1b[", "<",
                                                  "&#0;",  "../",
                                                  "-1",    "18446744073709551615",
                                                  "%",     "\xff\xff",
                                                  "null",  "1e308",
                                                  "HFW1",  std::string_view("\0\0", 2)};

void change(std::string& bytes, std::string_view other, Numbers& numbers) {
  const size_t at = numbers.below(bytes.size() + 1);
  const size_t length = numbers.below(16) + 1;
  switch (numbers.below(7)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(numbers.next());
      break;
    case 1:
      bytes.erase(at, length);
      break;
    case 2:
      bytes.insert(at, bytes.substr(numbers.below(bytes.size() + 1), length));
      break;
    case 3:
      bytes.insert(at, kWords.at(numbers.below(kWords.size())));
      break;
    case 4:
      bytes.resize(at);
      break;
    case 5:
      bytes.insert(at, other.substr(numbers.below(other.size() + 1), length * 8));
      break;
    default:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << numbers.below(8)));
  }
}

}  // namespace

std::string complaint_about(const Target& target, std::string_view bytes, Millis limit) {
  // A copy of its own: a byte behind its end is nobody's.
  const auto heap = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), heap.get());
  const std::string_view own(heap.get(), bytes.size());
  const auto began = Deadline::Clock::now();
  target.read(own);  // the first time may make what is kept for good, such as tables
  if (const auto took = Deadline::Clock::now() - began; took > limit) {
    return fmt::format("it took {} ms", std::chrono::duration_cast<Millis>(took).count());
  }
  const size_t before = allocated();
  target.read(own);
  const size_t after = allocated();
  if (after > before + kTooMuch) return fmt::format("it kept {} bytes", after - before);
  return {};
}

std::string mutated(std::string bytes, std::string_view other, uint64_t number) {
  Numbers numbers(number);
  for (size_t changes = numbers.below(6) + 1; changes > 0; --changes) change(bytes, other, numbers);
  return bytes;
}

}  // namespace holdfast::fuzzing
