from downstream_mock.main import run
from downstream_mock.settings import MockSettings

if __name__ == "__main__":
    run(MockSettings())
