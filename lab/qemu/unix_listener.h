// How does a socket get a path in a folder, however long that path is?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// A listening unix socket with one client connected to it already, so that who is given the listening end finds the
/// client waiting. The path is removed when the object is destroyed. Move-only.
///
/// A socket's address holds a path of 107 bytes (unix(7)); a longer one is reached through /proc/self/fd.
class UnixListener {
 public:
  /// Replaces what is there under that name. Errors: lab.io.
  static Result<UnixListener> create(const std::filesystem::path& folder, std::string_view name);

  UnixListener(UnixListener&& other) noexcept
      : path_(std::exchange(other.path_, {})),
        listening_(std::move(other.listening_)),
        client_(std::move(other.client_)) {}
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  int listening_fd() const { return listening_.get(); }
  /// To be called once the other side has inherited the listening end: only then does its end become ours to see.
  void close_listening() { listening_.reset(); }
  Fd take_client() { return std::move(client_); }

 private:
  UnixListener(std::filesystem::path path, Fd listening, Fd client)
      : path_(std::move(path)), listening_(std::move(listening)), client_(std::move(client)) {}
  std::filesystem::path path_;
  Fd listening_;
  Fd client_;
};

}  // namespace holdfast::lab
