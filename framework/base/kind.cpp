// Kind: names of the kinds of components.
#include <pellucid/plugin.h>

namespace pellucid {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::source:
      return "source";
    case Kind::stage:
      return "stage";
    case Kind::reducer:
      return "reducer";
    case Kind::procedure:
      return "procedure";
    case Kind::sink:
      return "sink";
    default:
      return name_of(port_type_of(kind));
  }
}

bool is_object(Kind kind) {
  switch (kind) {
    case Kind::source:
    case Kind::stage:
    case Kind::reducer:
    case Kind::procedure:
    case Kind::sink:
      return false;
    default:
      return true;
  }
}

PortType port_type_of(Kind kind) {
  switch (kind) {
    case Kind::operator_:
      return PortType::operator_;
    case Kind::operator_linear:
      return PortType::operator_linear;
    case Kind::operator_convolution:
      return PortType::operator_convolution;
    case Kind::prior:
      return PortType::prior;
    case Kind::denoiser:
      return PortType::denoiser;
    case Kind::functional:
      return PortType::functional;
    case Kind::model:
      return PortType::model;
    default:
      throw Error(std::string("a ") + name_of(kind) + " is not an object");
  }
}

}  // namespace pellucid
