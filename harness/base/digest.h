// Is this the same content?
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace holdfast {

/// SHA-256 over what is fed to it. Move-only.
class Digest {
 public:
  Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  Digest& add(std::string_view bytes);
  Digest& add(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits. Ends the digest.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
Result<std::string> sha256_file(const std::filesystem::path& path);
/// `bytes` random bytes from the kernel, as hex.
std::string random_hex(size_t bytes);

}  // namespace holdfast
