// What does a program do whose computer's clock is set while it runs? Preloaded; changes the wall clock alone.
//
// The file that HOLDFAST_FAULT_CLOCK names holds the step in seconds, as eight bytes; it may change at any time.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile int64_t* shared_step() {
  const char* file = std::getenv("HOLDFAST_FAULT_CLOCK");
  const int fd = file != nullptr ? ::open(file, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return nullptr;
  void* const map = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return map != MAP_FAILED ? static_cast<const volatile int64_t*>(map) : nullptr;
}

int64_t step() {
  static const volatile int64_t* const shared = shared_step();
  return shared != nullptr ? *shared : 0;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) {
  static auto* const real = reinterpret_cast<int (*)(clockid_t, timespec*)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int code = real(clock, now);
  if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += step();
  return code;
}

extern "C" int gettimeofday(timeval* now, void*) {
  timespec exact{};
  if (::clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

extern "C" time_t time(time_t* now) {
  timespec exact{};
  ::clock_gettime(CLOCK_REALTIME, &exact);
  if (now != nullptr) *now = exact.tv_sec;
  return exact.tv_sec;
}
