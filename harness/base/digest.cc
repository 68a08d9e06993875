// Is this the same content? SHA-256 by libsodium.
#include "harness/base/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium/crypto_hash_sha256.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "harness/base/file.h"

namespace holdfast {

struct Digest::State {
  crypto_hash_sha256_state sha;
};

Digest::Digest() : state_(std::make_unique<State>()) { crypto_hash_sha256_init(&state_->sha); }
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

Digest& Digest::add(std::string_view bytes) {
  crypto_hash_sha256_update(&state_->sha, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return *this;
}

Digest& Digest::add(std::span<const std::byte> bytes) {
  return add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

namespace {
template <class Octets>
std::string to_hex(const Octets& octets) {
  return fmt::format("{:02x}", fmt::join(octets, ""));
}
}  // namespace

std::string Digest::hex() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256_final(&state_->sha, digest.data());
  return to_hex(digest);
}

std::string sha256(std::string_view bytes) { return Digest().add(bytes).hex(); }

Result<std::string> sha256_file(const std::filesystem::path& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  Digest digest;
  std::vector<char> piece(1 << 20);
  while (true) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path.string()), errno);
    if (got == 0) return digest.hex();
    digest.add(std::string_view(piece.data(), static_cast<size_t>(got)));
  }
}

std::string random_hex(size_t bytes) {
  std::vector<unsigned char> random(bytes);
  // Up to 256 bytes come whole and without EINTR once the kernel's pool is ready (getrandom(2)).
  if (bytes > 256 || ::getrandom(random.data(), bytes, 0) != static_cast<ssize_t>(bytes)) std::abort();
  return to_hex(random);
}

}  // namespace holdfast
