// What is the secret that an inventory points to?
#include "lab/secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr size_t kLongest = 4096;

std::string name_of(const SecretSource& source) {
  return source.variable.empty() ? source.file.string() : "variable " + source.variable;
}

Error wrong(const SecretSource& source, std::string_view what) {
  const std::string at = source.declared_at.empty() ? "" : source.declared_at + ": ";
  return usage_error(fmt::format("{}secret in {}: {}", at, name_of(source), what));
}

/// `what` can be mended with a command for the file.
Error mendable(const SecretSource& source, std::string_view what, std::string_view command) {
  return wrong(source, what).because(fmt::format("{} {}", command, shell_quote(source.file.string())));
}

/// Looks at the very file that was opened: what its path leads to may change in between.
Result<void> check_owner_and_mode(const SecretSource& source, int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return wrong(source, std::strerror(errno));
  if (!S_ISREG(found.st_mode)) return wrong(source, "it is no regular file");
  if (found.st_uid != ::geteuid()) {
    return mendable(source, fmt::format("it belongs to user {}, not to user {}", found.st_uid, ::geteuid()),
                    fmt::format("sudo chown {}", ::geteuid()));
  }
  if ((found.st_mode & 077U) != 0) {
    return mendable(source,
                    fmt::format("its mode is {:04o}: others than its owner can get at it", found.st_mode & 07777U),
                    "chmod 600");
  }
  return {};
}

Result<std::string> read_secret_file(const SecretSource& source) {
  // Non-blocking: a fifo must not keep us waiting for a writer.
  const auto fd = open_file(source.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().errnum == ELOOP) {
    return wrong(source, "it is a symbolic link, which is not followed").because("name the file itself");
  }
  if (!fd) return wrong(source, fd.error().what);
  TRY(check_owner_and_mode(source, fd->get()));
  std::array<char, kLongest + 2> bytes;  // one more than may be there, and the newline
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(fd->get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return wrong(source, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  std::string_view text(bytes.data(), size);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

Result<std::string> read_secret_variable(const SecretSource& source) {
  const char* value = std::getenv(source.variable.c_str());
  if (value != nullptr) return std::string(value);
  return wrong(source, "it is not set")
      .because(fmt::format("read -rs {0} && export {0}   # asks, and leaves nothing in the shell's history",
                           source.variable));
}

}  // namespace

Result<std::string> read_secret(const SecretSource& source) {
  auto secret = TRY(source.variable.empty() ? read_secret_file(source) : read_secret_variable(source));
  if (secret.empty()) return wrong(source, "it is empty");
  if (secret.size() > kLongest) return wrong(source, fmt::format("it is longer than {} bytes", kLongest));
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(secret, is_control)) return wrong(source, "it is not one line of text");
  return secret;
}

std::string without_secret(std::string text, const std::string& secret) {
  constexpr std::string_view kInstead = "[secret]";
  if (secret.size() < 4) return text;
  for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kInstead.size())) {
    text.replace(at, secret.size(), kInstead);
  }
  return text;
}

Result<void> check_secret(const SecretSource& source) {
  const auto secret = read_secret(source);
  if (!secret) return secret.error();
  return {};
}

std::vector<SecretSource> secrets_of(const Host& host) {
  std::vector<SecretSource> secrets;
  const auto add = [&](const SecretSource& one) {
    const auto same = [&](const SecretSource& other) {
      return other.variable == one.variable && other.file == one.file;
    };
    if (one.given() && std::ranges::none_of(secrets, same)) secrets.push_back(one);
  };
  for (const PowerAccess& power : host.power) {
    add(power.ipmi.password);
    for (const auto& [option, secret] : power.secrets) add(secret);
  }
  add(host.console.ipmi.password);
  return secrets;
}

}  // namespace holdfast::lab
