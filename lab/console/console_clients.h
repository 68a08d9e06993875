// How do several programs on this computer share one console?
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "lab/console/console_source.h"

namespace holdfast::lab {

/// A unix socket, and whoever connects to it: each gets every byte from when it connected, and may say something. One
/// that does not read what it gets is let go, with a note; nobody ever waits for it. Thread-safe.
class ConsoleClients {
 public:
  struct Hooks {
    std::function<void(std::string_view)> on_input = {};  ///< what one of them said; called by a thread of this object
    OnNote on_note = {};                                  ///< as above, or by the thread that calls broadcast()
    size_t backlog = size_t{16} << 20;                    ///< bytes that one client may leave unread
  };
  /// The socket is for its owner only, and so must its folder be, which is made when it is not there. Errors: lab.io.
  static Result<std::unique_ptr<ConsoleClients>> start(const std::filesystem::path& socket, Hooks hooks);
  ConsoleClients(const ConsoleClients&) = delete;
  ConsoleClients& operator=(const ConsoleClients&) = delete;
  /// Gives the clients a moment to take what they are still owed, then lets them go and removes the socket.
  ~ConsoleClients();

  void broadcast(std::string_view bytes);

 private:
  struct Client {
    Fd fd;
    std::string owed;
    size_t given = 0;  ///< of `owed`
    bool open = true;
    size_t left() const { return owed.size() - given; }
  };
  ConsoleClients(std::filesystem::path socket, Hooks hooks, Stop stop);
  void serve();
  void admit();
  void give(Client& client);
  std::vector<std::string> hear();
  void forget_closed();
  bool settled() const;

  const std::filesystem::path socket_;
  const Hooks hooks_;
  const Stop stop_;
  Fd listening_;
  Fd wake_;  ///< readable: somebody is owed something new

  std::mutex mutex_;  ///< guards what follows
  std::vector<std::unique_ptr<Client>> clients_;
  std::thread thread_;
};

/// A connection to the socket that a ConsoleClients has. Errors: lab.io with errno.
Result<Fd> connect_console(const std::filesystem::path& socket);

}  // namespace holdfast::lab
