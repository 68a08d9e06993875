// How are little-endian numbers read out of bytes?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

/// The number of `sizeof(Number)` bytes at `at`; 0 when it would reach beyond the end.
template <class Number>
Number little_endian(std::string_view bytes, size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(Number)) return 0;
  uint64_t number = 0;
  for (size_t i = sizeof(Number); i-- > 0;) number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  return static_cast<Number>(number);
}

inline uint16_t le16(std::string_view bytes, size_t at) { return little_endian<uint16_t>(bytes, at); }
inline uint32_t le32(std::string_view bytes, size_t at) { return little_endian<uint32_t>(bytes, at); }
inline uint64_t le64(std::string_view bytes, size_t at) { return little_endian<uint64_t>(bytes, at); }

}  // namespace holdfast
