// How is an agent made to end, or to stop, from outside? Linked into the agent that tools/faults gives its guests.
//
// Before main a thread begins to wait for the virtio port "holdfast.fault", which the matrix gives to the machine, and
// does what the bytes there say: 'k' ends the agent, 's' leaves it where it is for ever, and is sent back when it is
// so.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "harness/base/deadline.h"
#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace {

using holdfast::Deadline;
using holdfast::Fd;
using holdfast::Millis;

constexpr Millis kLook{20};

/// The port, once it is there.
Fd find_port() {
  while (true) {
    for (int number = 1; number < 8; ++number) {
      const std::string port = "vport0p" + std::to_string(number);
      const auto name = holdfast::read_file("/sys/class/virtio-ports/" + port + "/name");
      if (!name || holdfast::trim(*name) != "holdfast.fault") continue;
      Fd fd(::open(("/dev/" + port).c_str(), O_RDWR | O_CLOEXEC));
      if (fd) return fd;
    }
    holdfast::wait_until(Deadline::after(kLook));
  }
}

std::atomic<bool> stays = false;

/// In the handler the thread that serves stays for ever.
void stay(int) {
  stays = true;
  while (true) ::pause();
}

/// The thread that serves, the one here, and that which answers on the console: the agent has begun. One that is
/// stopped before it has done anything cannot be told from a kernel that does not come up.
void wait_until_begun() {
  constexpr long kThreads = 3;
  const auto threads = [] {
    std::error_code failed;
    const std::filesystem::directory_iterator tasks("/proc/self/task", failed);
    return failed ? 0 : std::distance(begin(tasks), end(tasks));
  };
  while (threads() < kThreads) holdfast::wait_until(Deadline::after(kLook));
}

void obey(pthread_t serving) {
  const Fd port = find_port();
  while (true) {
    char order = 0;
    if (::read(port.get(), &order, 1) != 1) {
      holdfast::wait_until(Deadline::after(kLook));
      continue;
    }
    if (order == 'k') ::_exit(1);
    if (order != 's') continue;
    wait_until_begun();
    ::pthread_kill(serving, SIGUSR1);
    while (!stays) holdfast::wait_until(Deadline::after(kLook));
    static_cast<void>(holdfast::write_all(port.get(), "s"));
  }
}

__attribute__((constructor)) void begin_to_listen() {
  if (::getpid() != 1) return;
  ::signal(SIGUSR1, stay);
  std::thread(obey, ::pthread_self()).detach();
}

}  // namespace
