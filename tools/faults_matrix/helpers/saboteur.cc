// How is an agent made to end, or to stop, from outside? Linked into the agent that tools/faults gives its guests.
//
// Before main a thread begins to wait for the virtio port "holdfast.fault", which the matrix gives to the machine, and
// does what the bytes there say: 'k' ends the agent, 's' leaves it where it is for ever.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

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
      Fd fd(::open(("/dev/" + port).c_str(), O_RDONLY | O_CLOEXEC));
      if (fd) return fd;
    }
    holdfast::wait_until(Deadline::after(kLook));
  }
}

/// In the handler the thread that serves stays for ever.
void stay(int) {
  while (true) ::pause();
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
    if (order == 's') ::pthread_kill(serving, SIGUSR1);
  }
}

__attribute__((constructor)) void begin() {
  if (::getpid() != 1) return;
  ::signal(SIGUSR1, stay);
  std::thread(obey, ::pthread_self()).detach();
}

}  // namespace
