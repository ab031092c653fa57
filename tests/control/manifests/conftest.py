from tests.schemas import schemas as schemas
